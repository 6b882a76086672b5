"""The REST API's wire models, a module for each resource."""
