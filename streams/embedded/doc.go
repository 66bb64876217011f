// Package embedded runs a NATS server with JetStream inside this process, so
// that an installation needs no other program.
//
// A Server owns its store directory: it takes a lock file there before the NATS
// server starts, because two servers on one directory would both acknowledge the
// same sequence. It writes through to the disk before it acknowledges, never
// ends the process, and writes its log through slog.
//
// Its ports are on loopback. Whoever attaches without credentials may read and
// call the services and nothing else; the credentials with full rights are
// random and kept in a file in the store directory that only its owner can read.
//
// Restart replaces the NATS server and keeps the Server: connections made
// through InProcessConn find the new one when they reconnect.
//
// The stream and its consumers belong to package streams.
package embedded
