/*
 * mpmemfree.h: the names that Microsoft's documentation has for freeing what MpClient.h gives out.
 *
 * Each structure lies in one block with all that it points to, so all of them mean MpFreeMemory.
 */
#ifndef MPMEMFREE_H
#define MPMEMFREE_H

#include "MpClient.h"

#define MPRESOURCE_INFO_FREE(p) MpFreeMemory(p)
#define MPTHREAT_INFO_FREE(p) MpFreeMemory(p)
#define MPTHREAT_LOCALIZED_INFO_FREE(p) MpFreeMemory(p)

#endif /* MPMEMFREE_H */
