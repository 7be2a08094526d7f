"""What Go is asked, and how: the settings of a build, the questions, and the words of what it refuses."""
