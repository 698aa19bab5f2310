/* SPDX-License-Identifier: MIT
 * Private to the serve module: libmicrohttpd's callbacks for connections and requests, and the deadlines of
 * connections. */
#ifndef GP_SERVE_CONNECTION_H
#define GP_SERVE_CONNECTION_H

#include "serve/server_private.h"

enum MHD_Result gp_connection_handle(void *user, struct MHD_Connection *connection, const char *url, const char *method,
                                     const char *version, const char *data, size_t *size, void **state);
void *gp_connection_uri(void *user, const char *uri, struct MHD_Connection *connection);
void gp_connection_completed(void *user, struct MHD_Connection *connection, void **state,
                             enum MHD_RequestTerminationCode code);
void gp_connection_changed(void *user, struct MHD_Connection *connection, void **state,
                           enum MHD_ConnectionNotificationCode code);
/* Ends the connections whose deadline has passed. */
void gp_connections_tick(gp_server *server, double now);

#endif
