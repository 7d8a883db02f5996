// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * What a static libelf of elfutils 0.192 misses: elf_begin() and elf_end() set up and
 * tear down a tree by functions of libeu.a, which distributions do not ship
 * (https://sourceware.org/bugzilla/show_bug.cgi?id=32293). Only elf_getdata_rawchunk()
 * uses that tree; a program that calls it does not link, since eu_tsearch() is missing,
 * too. So the tree stays as calloc() made it.
 *
 * Linked as an archive behind libelf: a release that has the functions takes its own.
 */
void eu_search_tree_init(void *tree, void *compare)
{
	(void)tree, (void)compare;
}

void eu_search_tree_fini(void *tree, void *free_node)
{
	(void)tree, (void)free_node;
}
