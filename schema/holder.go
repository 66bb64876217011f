package schema

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gofrs/flock"
)

// Holder is the process that has a store's lock.
type Holder struct {
	// PID is 0 where the lock's file does not say.
	PID int
	// Key is what the process is asked for work by, "" where it takes none or the
	// program is an older one.
	Key string
}

// Holder reports whether some process has the store's lock, and which one as far
// as it is known. It takes nothing, and makes no file.
func (s Store) Holder() (h Holder, held bool, err error) {
	path := s.lockPath()
	if _, err := os.Stat(path); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return Holder{}, false, nil
		}
		return Holder{}, false, fmt.Errorf("schema: look for the holder of %s: %w", s.Link, err)
	}
	// A shared lock is refused while the writer has its own, and given back at once.
	l := flock.New(path, flock.SetFlag(os.O_RDONLY))
	free, err := l.TryRLock()
	if err != nil {
		return Holder{}, false, fmt.Errorf("schema: look for the holder of %s: %w", s.Link, err)
	}
	if !free {
		text, _ := os.ReadFile(path)
		return parseHolder(string(text)), true, nil
	}
	if err := l.Unlock(); err != nil {
		return Holder{}, false, fmt.Errorf("schema: look for the holder of %s: %w", s.Link, err)
	}
	return Holder{}, false, nil
}

func (s Store) lockPath() string { return s.Link + ".lock" }

// holderText is what the lock's file says of this process: a line each for its
// number and its key.
func (s Store) holderText() string { return strconv.Itoa(os.Getpid()) + "\n" + s.Key() + "\n" }

// parseHolder takes what it can read of a file that may just be being written.
func parseHolder(text string) Holder {
	var h Holder
	pid, rest, _ := strings.Cut(text, "\n")
	h.PID, _ = strconv.Atoi(strings.TrimSpace(pid))
	key, _, whole := strings.Cut(rest, "\n")
	if whole && isKey(key) {
		h.Key = key
	}
	return h
}

// secret makes this process's keys like nobody else's.
var secret = rand.Text()

// Key is what this process is asked for work on the store by, however often it
// locks it. It is one token of a subject.
func (s Store) Key() string {
	path, err := filepath.Abs(s.Link)
	if err != nil {
		path = s.Link // as good: it only tells stores apart
	}
	sum := sha256.Sum256([]byte(secret + path))
	return hex.EncodeToString(sum[:keyBytes])
}

const keyBytes = 16

func isKey(text string) bool {
	b, err := hex.DecodeString(text)
	return err == nil && len(b) == keyBytes
}
