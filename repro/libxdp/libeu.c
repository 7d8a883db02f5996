// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Functions that a static libelf of elfutils 0.192 lacks: elf_begin() and elf_end() set up
 * and tear down a tree with functions of libeu.a, which distributions do not ship
 * (https://sourceware.org/bugzilla/show_bug.cgi?id=32293). Only elf_getdata_rawchunk()
 * uses that tree, and a program that calls it does not link anyway, since eu_tsearch() is
 * missing, too. So the tree may stay as calloc() made it.
 *
 * An archive to link after libelf: a release that has the functions uses its own.
 */
void eu_search_tree_init(void *tree, void *compare)
{
	(void)tree, (void)compare;
}

void eu_search_tree_fini(void *tree, void *free_node)
{
	(void)tree, (void)free_node;
}
