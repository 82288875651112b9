"""Performance under perturbed images and adversarial attacks."""
