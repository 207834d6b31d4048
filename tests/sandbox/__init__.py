"""The sandbox against Heap's published examples, limits and texts."""
