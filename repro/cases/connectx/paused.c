// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* connectx() with a pause before each call that matters to others, so that processes meet. */
#include "paused.h"

#define connectx connectx_paused
#include "connectx.c"
