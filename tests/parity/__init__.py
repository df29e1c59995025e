"""The proof that kprov means what Ansible means: one corpus, two engines, twin hosts, compared.

`python -m tests.parity -i INVENTORY [NAME...]` plays corpus/NAME.yml with kprov on the inventory's first host and with
ansible-playbook on its second one. tests/lab/test_parity.py does the same for the whole corpus.
"""
