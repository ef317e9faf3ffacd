"""Records what AWS answers, and compares it with what wsgate does."""
