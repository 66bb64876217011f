// Package backup copies a running installation into a folder, and makes an
// installation out of such a folder.
//
// The order of a backup is its proof. The spools come first: what they have let go
// by then is in the stream, and the stream comes last. So every event that was
// accepted before the backup began is in it, in the stream or waiting in a spool;
// and the database, which comes in between, is never ahead of its stream. The
// manifest is written last, in one step: a folder without one is a backup that was
// cut off.
//
// A restore reads every file against the manifest's hashes, and looks at the target,
// before it writes anything. On a data folder all of it happens in a hidden folder,
// whose parts are moved to their places at the end. The stream keeps its identity,
// sequences and times. What waited in the queue is held for a person, because the
// original may have said it since.
//
// How a stream, a spool, a database is copied belongs to their own packages.
package backup
