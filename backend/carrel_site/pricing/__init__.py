"""From a question to its price: SQL → plan → sensitivity → cost and expected error. All pure."""
