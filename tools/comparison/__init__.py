# SPDX-License-Identifier: Apache-2.0
"""What tools/compare and tools/scale are made of: servers started in turn, ringload run against them, medians."""
