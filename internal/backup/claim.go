package backup

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
)

// claimName is a file in a data folder while something is restored into it, locked by
// whoever does that. It lies beside the hidden folder, which is removed and made again
// meanwhile.
const claimName = ".restoring.lock"

// hold keeps others away until release: a second restore of the same backup from the
// same server, and any other from the same data folder.
func (r *restoring) hold(ctx context.Context) (release func(), err error) {
	if r.Conn == nil {
		return r.claim()
	}
	end, err := r.Conn.HoldRestore(ctx, r.mark())
	if err != nil {
		return nil, err
	}
	leave, err := r.claim()
	if err != nil {
		end()
		return nil, err
	}
	return func() { leave(); end() }, nil
}

// claim makes the data folder the caller's own; it is made where there is none. Whoever
// leaves takes the file along, and the folders that are empty still. The error is
// ErrNotEmpty or ErrRestoring.
func (r *restoring) claim() (leave func(), err error) {
	dir, err := filepath.Abs(string(r.Data))
	if err != nil {
		return nil, err
	}
	l := flock.New(filepath.Join(dir, claimName), flock.SetPermissions(0o600))
	there, err := exists(l.Path())
	if err == nil && !there {
		// Nothing is written into a folder that is somebody else's.
		if err = r.checkData(); errors.Is(err, ErrComplete) {
			err = nil
		}
	}
	if err != nil {
		return nil, err
	}
	above := nearest(dir)
	for {
		if err := makeFolder(dir); err != nil {
			return nil, err
		}
		ok, err := lock(l)
		if errors.Is(err, fs.ErrNotExist) {
			continue // somebody has left, and taken the folder along
		}
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, ErrRestoring
		}
		break
	}
	return func() {
		// A file that stays does no harm: nobody has it locked.
		_ = errors.Join(os.Remove(l.Path()), l.Unlock())
		for ; dir != above && os.Remove(dir) == nil; dir = filepath.Dir(dir) {
		}
	}, nil
}
