"""Ready-made notifiers: each hands a message to one kind of provider."""
