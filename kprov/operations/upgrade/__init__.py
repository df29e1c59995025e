"""`kprov upgrade` and `kprov rollback`: the versions of components, programs and packages on the hosts."""
