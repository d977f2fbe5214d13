"""What runs left behind, as tables, plots and pages: pure functions of files."""
