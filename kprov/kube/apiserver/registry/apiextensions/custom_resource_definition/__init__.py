"""Custom resource definitions: strategy.py has the traits, validation.py the rules, in this order of calls.

validation > schema_rules, structural_rules, default_rules, expression_rules, selectable_fields,
version_fields. They see a spec as internal_form.py makes it. Imports registry.generic, the rules of
custom_resource, and machinery only.
Source: upstream apiextensions-apiserver pkg/apis/apiextensions/validation and pkg/apiserver/schema.
"""
