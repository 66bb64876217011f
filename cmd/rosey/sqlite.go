package main

import (
	"errors"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// sqliteAdvice is the next step after an error of SQLite, told by its code,
// empty where there is none.
func sqliteAdvice(err error) string {
	var se *sqlite.Error
	if !errors.As(err, &se) {
		return ""
	}
	switch se.Code() & 0xff {
	case sqlite3.SQLITE_FULL:
		return adviceDiskFull
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM:
		// Readers of a database in WAL mode write the index of the log beside it.
		return "name a --data folder that can be written to, readers too, and whose path is not too long"
	case sqlite3.SQLITE_IOERR:
		return "look at the disk of the data folder: whether it is full, read-only or failing"
	case sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_SCHEMA:
		return "rosey replay   (the tables are damaged or made by another version; it rebuilds them from the stream)"
	}
	return ""
}
