"""Custom resource definitions: strategy.py has the traits, validation.py the rules, in this order of calls.

validation > schema_rules, structural_rules, version_fields. They see a spec as internal_form.py makes it.
Imports registry.generic and machinery only.
Source: upstream apiextensions-apiserver pkg/apis/apiextensions/validation and pkg/apiserver/schema.
"""
