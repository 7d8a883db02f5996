# SPDX-License-Identifier: GPL-2.0-only
# A case that does not end.
sleep 1000
