"""A module of the playbook's library: gives its arguments back."""

from ansible.module_utils.basic import AnsibleModule

if __name__ == "__main__":
    module = AnsibleModule(
        argument_spec={"words": {"type": "list", "elements": "str"}, "secret": {"no_log": True}},
        supports_check_mode=True,
    )
    module.warn("a warning of the module")
    module.exit_json(changed=False, words=module.params["words"], secret=module.params["secret"])
