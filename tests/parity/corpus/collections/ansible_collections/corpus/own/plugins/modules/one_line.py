"""A module of a collection: has a file with one line, with check mode and diff."""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.corpus.own.plugins.module_utils.reading import content

if __name__ == "__main__":
    module = AnsibleModule(
        argument_spec={"path": {"type": "path", "required": True}, "line": {"required": True}},
        supports_check_mode=True,
    )
    path, line = module.params["path"], module.params["line"] + "\n"
    before = content(path)
    if before != line and not module.check_mode:
        with open(path, "w") as file:
            file.write(line)
    diff = {"before": before, "after": line, "before_header": path, "after_header": path}
    module.exit_json(changed=before != line, path=path, diff=diff)
