# SPDX-License-Identifier: MIT
"""The parts of tools/generator.py: pictures from prompts, the protocols of image generators, the server, its self-test."""
