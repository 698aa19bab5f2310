/* SPDX-License-Identifier: MIT
 * The schema of the catalog as text: the SQL of each version and the list of the tables. catalog/migrate.c runs it. */
#ifndef GP_SCHEMA_SCHEMA_H
#define GP_SCHEMA_SCHEMA_H

#include <stddef.h>

#define GP_DB_VERSION 11 /* the newest version */

/* A schema step: the statements that migrate from the previous version to `version`. */
typedef struct gp_db_step {
    int version;
    const char *sql;
} gp_db_step;
typedef struct gp_db_steps {
    const gp_db_step *list;
    size_t count;
} gp_db_steps;
extern const gp_db_steps gp_db_all; /* all schema steps of this version */
/* version_1.c, version_2.c ... */
extern const char gp_db_version_1[], gp_db_version_2[], gp_db_version_3[], gp_db_version_4[], gp_db_version_5[],
    gp_db_version_6[], gp_db_version_7[], gp_db_version_8[], gp_db_version_9[], gp_db_version_10[], gp_db_version_11[];

/* All tables. The tables of one part are rescued together or not at all. The tables of GP_DB_CORE are an exception:
 * they are rescued row by row in this order, in which a table follows those that it refers to. */
typedef enum gp_db_part { GP_DB_CORE, GP_DB_ANALYSIS, GP_DB_MAP, GP_DB_STATE } gp_db_part; /* STATE: never copied */
typedef struct gp_db_table {
    const char *name;
    gp_db_part part;
} gp_db_table;
extern const gp_db_table gp_db_tables[]; /* the last entry has no name */

#endif
