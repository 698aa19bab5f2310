# SPDX-License-Identifier: MIT
"""generator.py selftest"""


def main():
    return 0
