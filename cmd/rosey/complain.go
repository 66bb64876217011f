package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"syscall"

	"github.com/nats-io/nats.go/jetstream"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"rosey/bot/spool"
	"rosey/internal/installation"
	"rosey/projector"
	"rosey/replay"
	"rosey/schema"
	"rosey/streams"
	"rosey/streams/archive"
	"rosey/streams/embedded"
)

// adviceError is an error that knows its next step.
type adviceError struct {
	err    error
	advice string
}

func (e *adviceError) Error() string { return e.err.Error() }
func (e *adviceError) Unwrap() error { return e.err }

func advise(err error, format string, args ...any) error {
	return &adviceError{err, fmt.Sprintf(format, args...)}
}

// complain says what went wrong in one line, and in another what to do next.
func complain(w io.Writer, err error) {
	text := strings.Join(strings.Fields(err.Error()), " ")
	fmt.Fprintf(w, "rosey: %s\n", text)
	if a := advice(err); a != "" {
		fmt.Fprintf(w, "try:   %s\n", a)
	}
}

// roomOn names the disk that was written to, where that is not the data folder's.
func roomOn(err error, path string) error {
	var se *sqlite.Error
	if errors.Is(err, syscall.ENOSPC) || errors.As(err, &se) && se.Code()&0xff == sqlite3.SQLITE_FULL {
		return advise(err, "make room on the disk of %s, or name a place on another one", shell(path))
	}
	return err
}

const adviceDiskFull = "make room on the disk of the data folder"

// diskFull reports whether the server had no room on its disk. It says so in
// words alone: the number stands for any failure.
func diskFull(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && strings.Contains(api.Description, syscall.ENOSPC.Error())
}

// unreadableAdvice is what helps where a stored message cannot be read. Nothing is made
// anew from such a stream: the tables may hold the only copy.
func unreadableAdvice(e *streams.UnreadableError) string {
	if e.Bucket != "" {
		return e.BucketRemedy()
	}
	if e.LeaderHasIt && len(e.Servers) > 0 {
		return fmt.Sprintf("look at the store and the log of NATS server %s: its copy of the stream cannot be read, and another server has a whole one; "+
			"stopped, and its store moved away, it copies that", strings.Join(e.Servers, ", "))
	}
	return "keep the tables, and copy store and tables away first; rosey doctor says more; then rosey restore DIR (a backup that has it), " +
		"or rosey import events DIR (an archive), into a new --data folder or server"
}

// advice is the next step after an error, for a person.
func advice(err error) string {
	var given *adviceError
	var refused *projector.StartError
	var store *schema.InUseError
	var port *embedded.PortInUseError
	var out *outputError
	var room *schema.RoomError
	var lost *streams.UnreadableError
	var damaged *embedded.DamagedError
	switch {
	case errors.As(err, &given):
		return given.advice
	case errors.As(err, &room):
		return room.Remedy()
	case errors.As(err, &out):
		return "look at where the output goes: whether it is full or can be written to"
	case errors.As(err, &refused):
		return refused.Remedy
	case errors.As(err, &lost):
		return unreadableAdvice(lost)
	case errors.As(err, &store):
		return "stop the running projector first, or name another --data folder; `rosey replay --into FILE` works beside it"
	case errors.As(err, &port):
		flag := "--nats-port"
		if port.Use == "monitor" {
			flag = "--monitor-port"
		}
		return fmt.Sprintf("%s 0 for any free port, or %s off for none", flag, flag)
	case errors.As(err, &damaged):
		return damaged.Remedy()
	case errors.Is(err, installation.ErrStreamGone):
		return "rosey restore DIR (the last backup, into a new --data folder), or rosey import events DIR (an archive, into this one); " +
			"only to begin anew: move rosey.db and rosey.db.g* away first; if the stream is on another server: --nats URL"
	case errors.Is(err, embedded.ErrStoreInUse):
		return "stop the other process, or name another --data folder"
	case errors.Is(err, spool.ErrInUse):
		return "another bot records this channel into this data folder; stop it, or name another --data folder"
	case errors.Is(err, spool.ErrNotASpool):
		return "move the file away; a new spool is made in its place"
	case errors.Is(err, schema.ErrNotADatabase), errors.Is(err, schema.ErrForeignDatabase):
		return "move the file away and start again; the tables are rebuilt from the stream"
	case errors.Is(err, schema.ErrNoDatabase), errors.Is(err, installation.ErrNotSetUp):
		return "rosey up https://cytu.be/r/YOURCHANNEL   (or rosey demo), or name the right --data folder"
	case errors.Is(err, installation.ErrNoPort):
		return "start the running installation with --nats-port 0, or stop it first"
	case errors.Is(err, installation.ErrNoEndpoint):
		return "start a server first: rosey server --data DIR"
	case errors.Is(err, projector.ErrNoProgress):
		return "--instance NAME for the second projector, or stop it"
	case errors.Is(err, streams.ErrNoJetStream):
		return "start the NATS server with JetStream (nats-server -js), or enable it for this account"
	case errors.Is(err, streams.ErrServerTooOld):
		return "a NATS server of version 2.10 or later"
	case errors.Is(err, projector.ErrOtherProgram):
		return "rosey replay"
	case errors.Is(err, schema.ErrNoPrevious):
		return "rosey replay   (makes the tables again from the stream)"
	case errors.Is(err, replay.ErrNoCheckpoint):
		return "rosey replay   (rebuilds the tables from the stream)"
	case errors.Is(err, replay.ErrBehind):
		return "--into FILE keeps it beside the current database"
	case errors.Is(err, streams.ErrUnreachable):
		return "check that the NATS server runs and that --nats names it"
	case errors.Is(err, streams.ErrAuth):
		return "check the credentials: --nats-user, --nats-password-file, --nats-creds, --nats-token-file, --nats-nkey"
	case errors.Is(err, streams.ErrTooSmall):
		return "rosey stream setup --max-bytes SIZE with a larger size, or leave it out to keep the stream's own"
	case errors.Is(err, streams.ErrNoRoom):
		return "rosey stream setup --max-bytes SIZE with a smaller size, or raise max_file_store in the server's configuration"
	case errors.Is(err, streams.ErrImporting):
		return "rosey import events DIR   (with the same archive: it goes on)"
	case errors.Is(err, streams.ErrRestoring):
		return "rosey restore DIR   (the same backup again: what was cut off is removed, and made anew)"
	case errors.Is(err, streams.ErrNotEmpty):
		return "another --data folder or server; or move this one's stream away first, if it is not needed"
	case errors.Is(err, streams.ErrInterfered):
		return "stop whoever publishes there, remove the incomplete stream (nats stream rm " + streams.StreamName + ", or the new data folder), and import again"
	case errors.Is(err, archive.ErrNoArchive):
		return "rosey export events --archive DIR   (makes one), or name the right folder"
	case errors.Is(err, archive.ErrNotEmpty):
		return "--archive DIR with a folder that is empty or not there yet"
	case errors.Is(err, archive.ErrNewer):
		return "use the version of rosey that wrote the archive, or a later one"
	case errors.Is(err, archive.ErrDamaged):
		return "restore the file that is named from a copy of the archive; while the stream still reaches back, --archive with a new folder makes another one"
	case errors.Is(err, archive.ErrManyErased):
		return "what is new is archived; look first whether the store is damaged: rosey doctor; if they are to be forgotten: --forget-erased; if not: --keep-erased"
	case errors.Is(err, streams.ErrLeftOut):
		return "the same again: on a cluster another replica may answer; where it stays so, rosey doctor says what the server cannot read"
	case errors.Is(err, streams.ErrUnvouched):
		return "the same again, once the server answers: it goes on"
	case errors.Is(err, archive.ErrOutside):
		return "--archive DIR with the archive that holds it, or another sequence"
	case errors.Is(err, archive.ErrInUse):
		return "wait until the other export ends"
	case errors.Is(err, archive.ErrOtherStream), errors.Is(err, archive.ErrOtherHistory):
		return "--archive DIR with another folder: an archive is of one stream"
	case errors.Is(err, archive.ErrGap):
		return "--archive DIR with a new folder: keep this one, it holds what the stream no longer does"
	case errors.Is(err, streams.ErrNoStream), errors.Is(err, streams.ErrNoIdentity), errors.Is(err, streams.ErrMisses):
		return "rosey stream setup"
	case errors.Is(err, streams.ErrCaptures):
		return "nats stream edit: take that subject out of the other stream, then start again"
	case errors.Is(err, streams.ErrCannotChange):
		return "rosey stream check   (lists each difference with its remedy)"
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, streams.ErrFull), diskFull(err):
		return adviceDiskFull
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return "name a --data folder that can be written to, or run it as the user who owns the folder"
	case errors.Is(err, syscall.ENAMETOOLONG):
		return "name a --data folder with a shorter path"
	case errors.Is(err, fs.ErrExist):
		return "name a file that is not there yet"
	case errors.Is(err, context.DeadlineExceeded):
		return "try again, or look at the server's own log"
	case errors.Is(err, context.Canceled):
		return "it was interrupted before it was done: the same again"
	}
	return sqliteAdvice(err)
}
