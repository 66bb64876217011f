package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

const (
	// hiddenFolder is where a data folder is put together.
	hiddenFolder = ".restoring"
	// listName is the file in it that lists what is moved to its place, from before
	// the first is moved until the last one is: by it the next restore tells what one
	// that was cut off has moved already.
	listName = "moving.json"
	// maxList bounds what is read as such a list.
	maxList = 1 << 20
)

// The points at which Target.Crash is called.
const (
	crashBeforeMoving = "restore.before_moving" // all is put together
	crashMoving       = "restore.moving"        // before a part is moved
	crashMoved        = "restore.moved"         // all is in its place
	crashUnmarking    = "restore.unmarking"     // before a part on an external server is made usable
	crashDiscarding   = "restore.discarding"    // before what is left there of another one is removed
)

func (r *restoring) hidden() string { return filepath.Join(string(r.Data), hiddenFolder) }

func (r *restoring) list() string { return filepath.Join(r.hidden(), listName) }

// settle moves the parts to their places. The store comes last: until it is there
// nothing was recorded in this folder, as far as anybody can tell.
func (r *restoring) settle(ctx context.Context) error {
	if err := r.checkData(); err != nil {
		return err // somebody else was here meanwhile
	}
	names, err := r.parts()
	if err != nil {
		return err
	}
	r.Crash(crashBeforeMoving)
	if err := r.writeList(names); err != nil {
		return err
	}
	for _, name := range names {
		r.Crash(crashMoving)
		if err := os.Rename(filepath.Join(r.hidden(), name), filepath.Join(string(r.Data), name)); err != nil {
			return err
		}
	}
	// The list goes once they are there for good.
	if err := r.syncMoved(); err != nil {
		return err
	}
	r.moved = true
	r.Crash(crashMoved)
	if err := r.unmark(ctx); err != nil {
		return err
	}
	if err := r.tidy(); err != nil {
		return fmt.Errorf("%s: %w; remove %s: %w", r.Data, ErrComplete, hiddenFolder, err)
	}
	return nil
}

// syncMoved makes durable that the parts are in the one folder and not in the other.
func (r *restoring) syncMoved() error {
	return errors.Join(r.Sync(string(r.Data)), r.Sync(r.hidden()))
}

// tidy removes the list, for good: what it names is in use from now on.
func (r *restoring) tidy() error {
	if err := os.RemoveAll(r.hidden()); err != nil {
		return err
	}
	return r.Sync(string(r.Data))
}

// parts lists what was put together, in the order in which it is moved.
func (r *restoring) parts() ([]string, error) {
	entries, err := os.ReadDir(r.hidden())
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(entries))
	store := filepath.Base(r.Data.JetStream())
	for _, e := range entries {
		if e.Name() != store {
			names = append(names, e.Name())
		}
	}
	if len(names) < len(entries) {
		names = append(names, store)
	}
	return names, nil
}

func (r *restoring) writeList(names []string) error {
	data, err := json.Marshal(names)
	if err != nil {
		return err
	}
	if err := os.WriteFile(r.list(), data, 0o600); err != nil {
		return err
	}
	return errors.Join(syncPath(r.list()), syncPath(r.hidden()), syncPath(string(r.Data)))
}

// left is what a restore that was cut off while it moved the parts has moved
// already. Where that is all of them the data folder is whole.
func (r *restoring) left() (moved []string, whole bool, err error) {
	data, err := readLimited(r.list(), maxList)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	var names []string
	if json.Unmarshal(data, &names) != nil {
		return nil, false, nil // it was cut off before the first was moved
	}
	whole = len(names) > 0 || r.Conn != nil
	for _, name := range names {
		if name != filepath.Base(name) || !filepath.IsLocal(name) || name == "." {
			return nil, false, nil // no list of ours
		}
		waits, err := exists(filepath.Join(r.hidden(), name))
		if err != nil {
			return nil, false, err
		}
		there, err := exists(filepath.Join(string(r.Data), name))
		if err != nil {
			return nil, false, err
		}
		whole = whole && !waits && there
		// What is in both places somebody else has made since.
		if there && !waits {
			moved = append(moved, name)
		}
	}
	return moved, whole, nil
}

func exists(path string) (bool, error) {
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// checkData refuses a data folder in which there is anything. What a restore that
// was cut off has left there alone is no obstacle.
func (r *restoring) checkData() error {
	entries, err := os.ReadDir(string(r.Data))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	moved, whole, err := r.left()
	if err != nil {
		return err
	}
	if whole {
		return fmt.Errorf("%s: %w: %w", r.Data, ErrNotEmpty, ErrComplete)
	}
	for _, e := range entries {
		if e.Name() != hiddenFolder && e.Name() != claimName && e.Name() != "lost+found" && !slices.Contains(moved, e.Name()) {
			return fmt.Errorf("%s: %w: it has %s", r.Data, ErrNotEmpty, e.Name())
		}
	}
	return nil
}

// finished ends a restore that was cut off when all was in its place. The error is
// ErrComplete then.
func (r *restoring) finished(ctx context.Context) error {
	_, whole, err := r.left()
	if err != nil || !whole {
		return err
	}
	if err := r.syncMoved(); err != nil {
		return err
	}
	if err := r.completed(ctx); err != nil {
		return err
	}
	return errors.Join(r.checkData(), r.tidy())
}

// clear removes what a restore has left that was cut off, or failed. What it had moved
// goes first: the list says what that is.
func (r *restoring) clear() error {
	moved, _, err := r.left()
	if err != nil {
		return err
	}
	for _, name := range moved {
		if err := os.RemoveAll(filepath.Join(string(r.Data), name)); err != nil {
			return err
		}
	}
	return os.RemoveAll(r.hidden())
}
