# SPDX-License-Identifier: MIT
"""goldpan explore's server over real sockets.
Usage: server_test.py <goldpan> [reading|doing|refusals|acts|generating] [unittest's own words]
"""
import sys
import unittest

import served

served.begin(sys.argv.pop(1))
names = ["reading_test", "doing_test", "refusals_test", "acts_test", "generating_test"]
if len(sys.argv) > 1 and sys.argv[1] + "_test" in names:
    names = [sys.argv.pop(1) + "_test"]
try:
    suite = unittest.TestSuite(unittest.defaultTestLoader.loadTestsFromName(n) for n in names)
    if len(sys.argv) > 1:
        suite = unittest.defaultTestLoader.loadTestsFromNames([n + "." + sys.argv[1] for n in names])
    result = unittest.TextTestRunner(verbosity=2).run(suite)
finally:
    served.end()
sys.exit(not result.wasSuccessful())
