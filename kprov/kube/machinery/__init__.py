"""Objects as upstream sees them: resource table, schema, quantity, selectors, patches, Status, Table."""
