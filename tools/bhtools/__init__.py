"""What tools/run, tests/run and tools/bench share: boot images, emulators, consoles."""
