"""The report page: one HTML file that needs nothing beside it, and shows its charts with scripts blocked too."""
