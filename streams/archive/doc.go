// Package archive keeps the stream in plain files: compressed segments of one
// JSON line for each message, and a manifest that says what they hold.
//
// An archive is a copy of one stream, known by the stream's identity, without a
// gap from its first sequence to its last. Every message comes back as it was,
// byte for byte; what is no JSON is kept in base64. With an archive a stream may
// be trimmed without losing the right to rebuild, and Import makes the stream
// again on an empty server.
//
// Segments appear whole and the manifest after them, so that a crash at any point
// leaves the archive as it was before or with some segments more. Sequences
// within a segment that have no line were erased from the stream: the manifest
// counts lines and hashes contents, so that a hole is told from a loss.
//
// What is erased from the stream later, Write takes out of the archive too, so that
// whoever asks for a message to be forgotten asks once. The segment is written anew
// under another name.
//
// Write makes an archive and adds to one, Forget takes messages out where the stream
// no longer has a say, Reader reads it and proves it while it
// reads, Import restores a stream. What the stream is belongs to package streams,
// what its messages say to package events.
package archive
