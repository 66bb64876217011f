// Package streams connects to NATS and owns everything Rosey keeps in JetStream:
// the definition of the stream ROSEY and of the projector's consumer, appending,
// reading, and what goes wrong with each.
//
// The stream has one definition, in topology.go. Setup creates it or compares
// and repairs it; Open requires it. Both refuse a stream that could not be right:
// one that misses an event subject, or any stream that captures a subject on
// which requests are answered.
//
// An append waits for its acknowledgement, always. Its error says what may be
// done next: ErrUnavailable means surely not stored, ErrRefused never will be,
// and after ErrUncertain the caller looks with Find before it sends again.
//
// Nothing here is silent. A denied request looks like a time-out to a client and
// is reported as ErrPermission. A Delivery ends with a typed error when its
// consumer is gone, its heartbeat missing or its connection lost; a Reader
// resumes where it was.
//
// What is stored already is read fastest without headers on an embedded server:
// over a connection of the reader's own, whose frames are read here (see feed).
//
// The subjects' meaning belongs to package events, the checkpoint to the
// projector. Package embedded runs a server in this process.
package streams
