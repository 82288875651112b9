"""What-if tab: one galaxy under changed observing conditions."""
