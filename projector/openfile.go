package projector

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
)

// ErrReplaced: what the database's name leads to is not the file that is open.
var ErrReplaced = errors.New("the database file was replaced while it was open")

// openFile is the database file that is open, as this process last saw it.
// Whatever else writes to it or takes its place shows in how it looks.
type openFile struct {
	link, path string

	mu    sync.Mutex // held while this process writes to the file
	main  fs.FileInfo
	wal   fs.FileInfo // nil where there was none yet
	state logState
	// index is the log's index. It stays open for as long as the database is: a
	// process that closes any descriptor of a file loses all its locks on it,
	// those that SQLite relies on among them.
	index *os.File
}

// logState is where SQLite's log stands: its header, and how much of it has been
// moved into the file. Whoever writes by way of SQLite changes it, and a copy that
// is written over the file does not. See "The WAL-index file format".
type logState struct {
	header              [48]byte
	backfill, attempted [4]byte
}

// moving reports whether the log is being moved into the file just now. That takes
// long where a reader kept the log growing, and whoever may write can do it.
func (l *logState) moving() bool { return l.attempted != l.backfill }

// look takes down how the file looks now.
func look(link, path string) (*openFile, error) {
	f := &openFile{link: link, path: path}
	return f, f.see()
}

// see takes down how the file looks after a write of this process. The caller
// holds mu.
func (f *openFile) see() error {
	state := f.log()
	main, err := os.Stat(f.path)
	if err != nil {
		return fmt.Errorf("projector: look at the database file: %w", err)
	}
	return f.note(state, main)
}

// note keeps how the file looks. The log was looked at first: the file may change
// while somebody else moves the log into it, and what is known of the log must not
// be newer than what is seen of the file.
func (f *openFile) note(state logState, main fs.FileInfo) error {
	wal, err := f.statLog()
	if err == nil {
		f.state, f.main, f.wal = state, main, wal
	}
	return err
}

// statLog is nil where there is no log.
func (f *openFile) statLog() (fs.FileInfo, error) {
	wal, err := os.Stat(f.path + "-wal")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("projector: look at the database file: %w", err)
	}
	return wal, nil
}

// wrote takes down how the file looks after a transaction. Transactions go to the
// log; the file itself changes only when the log is moved into it.
func (f *openFile) wrote() error {
	state := f.log()
	main, err := f.same()
	if err != nil {
		return err
	}
	return f.note(state, main)
}

// unchanged reports what happened to the file since this process last wrote to
// it: ErrReplaced, with the particulars. The caller holds mu.
func (f *openFile) unchanged() error {
	state := f.log()
	main, err := f.same()
	if err != nil {
		return err
	}
	wal := f.wal
	if err := f.note(state, main); err != nil {
		return err
	}
	switch {
	case wal == nil:
	case f.wal == nil:
		f.wal = wal
		return fmt.Errorf("projector: %s-wal is gone: %w", f.path, ErrReplaced)
	case !os.SameFile(f.wal, wal):
		f.wal = wal
		return fmt.Errorf("projector: %s-wal is another file: %w", f.path, ErrReplaced)
	}
	return nil
}

// same compares the file with what its names lead to, and with what it was. It
// returns how the file looks.
func (f *openFile) same() (now fs.FileInfo, err error) {
	for _, path := range [...]string{f.link, f.path} {
		now, err = os.Stat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("projector: %s is gone: %w", path, ErrReplaced)
		case err != nil:
			return nil, fmt.Errorf("projector: look at the database file: %w", err)
		case !os.SameFile(now, f.main):
			return nil, fmt.Errorf("projector: %s is another file: %w", path, ErrReplaced)
		case !unwritten(now, f.main) && f.log() == f.state && !f.state.moving():
			// It was not SQLite that moved its log.
			return nil, fmt.Errorf("projector: %s was written over: %w", path, ErrReplaced)
		}
	}
	return now, nil
}

func unwritten(a, b fs.FileInfo) bool { return a.Size() == b.Size() && a.ModTime().Equal(b.ModTime()) }

func (f *openFile) log() (l logState) {
	if f.index == nil {
		var err error
		if f.index, err = os.Open(f.path + "-shm"); err != nil {
			f.index = nil
			return logState{}
		}
	}
	var head [132]byte
	if _, err := f.index.ReadAt(head[:], 0); err != nil {
		return logState{}
	}
	copy(l.header[:], head[:])
	copy(l.backfill[:], head[96:])
	copy(l.attempted[:], head[128:])
	return l
}

// done ends the looking, once the database is closed and not before.
func (f *openFile) done() {
	if f != nil && f.index != nil {
		_ = f.index.Close() // it was only read
		f.index = nil
	}
}

// logInPlace reports whether the open file's log still bears its name.
func (f *openFile) logInPlace() bool {
	if f.wal == nil {
		return true
	}
	now, err := os.Stat(f.path + "-wal")
	return err == nil && os.SameFile(now, f.wal)
}

// inPlace reports whether the open file still bears its name.
func (f *openFile) inPlace() bool {
	now, err := os.Stat(f.path)
	return err == nil && os.SameFile(now, f.main)
}

// linked reports whether the link still leads to the open file.
func (f *openFile) linked() bool {
	now, err := os.Stat(f.link)
	return err == nil && os.SameFile(now, f.main)
}

// removeLog removes the open file's log and its index from beside whatever took
// the file's place: SQLite would apply the one to the other.
func (f *openFile) removeLog() error {
	now, err := os.Stat(f.path + "-wal")
	if errors.Is(err, fs.ErrNotExist) || err == nil && (f.wal == nil || !os.SameFile(now, f.wal)) {
		return nil // it came with the other file
	}
	for _, suffix := range []string{"-wal", "-shm"} {
		if removeErr := os.Remove(f.path + suffix); err == nil && !errors.Is(removeErr, fs.ErrNotExist) {
			err = removeErr
		}
	}
	if err != nil {
		return fmt.Errorf("projector: remove the log of a database that is gone: %w", err)
	}
	return nil
}
