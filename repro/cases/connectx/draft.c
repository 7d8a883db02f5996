// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* The draft of connectx(), which looks before it connects, but without the lock. */
#define WITHOUT_LOCK 1
#include "paused.h"

#define connectx connectx_draft
#include "connectx.c"
