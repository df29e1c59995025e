"""HTTP(S) and FTP requests as Ansible's URL modules make them."""
