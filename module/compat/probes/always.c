/* Does compiling work at all? Otherwise no other answer counts. */
#include <linux/module.h>
