"""What runs inside the sandbox. Copied there as files: nothing here imports Carrel."""
