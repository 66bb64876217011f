//go:build unix

package spool

import "golang.org/x/sys/unix"

// diskSpace returns what an ordinary user can still write below dir, and the
// size of its disk.
func diskSpace(dir string) (free, total int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, 0, err
	}
	block := int64(st.Bsize)                                       //nolint:unconvert // the fields' types differ between systems
	return int64(st.Bavail) * block, int64(st.Blocks) * block, nil //nolint:unconvert // see above
}
