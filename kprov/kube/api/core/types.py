"""Types of fields that stand in many of the group's objects."""

IntOrString = int | str
Quantity = str | int | float  # JSON numbers are legal where quantities stand
ResourceList = dict[str, Quantity]
