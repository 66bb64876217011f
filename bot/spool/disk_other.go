//go:build !unix

package spool

import "errors"

// diskSpace cannot tell here; the errors of the disk itself must do.
func diskSpace(string) (free, total int64, err error) { return 0, 0, errors.ErrUnsupported }
