"""The step loops in C: compiled when the package is installed, found here, and left aside where they are not."""
