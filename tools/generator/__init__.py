# SPDX-License-Identifier: MIT
"""The parts of tools/generator.py: images from prompts, the protocols of image generators, the server, the
self-test."""
