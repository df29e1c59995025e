"""Field types that many kinds of the group share."""

IntOrString = int | str
Quantity = str | int | float  # A quantity may be a JSON number
ResourceList = dict[str, Quantity]
