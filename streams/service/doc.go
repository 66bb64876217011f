// Package service answers requests over NATS, and asks others.
//
// A service is a list of endpoints, declared as data: a name, a subject, a
// sentence, and a function from a typed request to a typed reply. What may be in
// a request stands in the tags of its Go type, and there alone: the schema that
// is published, the check of what comes in and the documentation are all made of
// it, and cannot disagree.
//
// A request is a JSON object, or nothing, which is the empty object. Fields that
// nobody knows, a field given twice, a value out of its range and bytes that are
// no UTF-8 are refused by name: whoever misspells a filter is told, and is not
// given the answer to another question. A reply is
//
//	{"success":true,"data":…}
//	{"success":false,"error":{"code":"…","message":"…"}}
//
// and an error is marked in the headers too, as NATS services do. A bare endpoint
// keeps an older shape: its data without the envelope, unknown fields ignored and
// limits clamped. Its errors look like all others.
//
// Requests run side by side, so many of an endpoint at a time and no more, each
// with a deadline. Services of one name share their requests in a queue group and
// can be found by `$SRV.PING`, `$SRV.INFO` and `$SRV.STATS`. What requests contain
// is never logged.
//
// Which subjects there are belongs to package events; no stream may capture them.
package service
