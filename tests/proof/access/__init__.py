"""`make access`: nobody reads, counts or learns of what is others', through any door."""
