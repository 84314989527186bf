"""Journeys: each loads, lets a pure function decide, commits, and only then tells. One file a journey."""
