"""What maps show of good parts and of defects, relative and calibrated."""
