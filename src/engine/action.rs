//! An action: everything that decides a task's result. One walk hashes and explains it.
