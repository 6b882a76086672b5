"""Who takes part in the demo."""

OWNER = "owner@demo.example"
RESEARCHER = "researcher@demo.example"
