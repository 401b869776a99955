/** Pictures that the caller drops, pastes or picks: made small enough for the wire. */

const LONGEST = 1024; // pixels of either side
const MOST = 180_000; // characters of a data URL: a message of the wire has 256 kB at most
const KINDS = ["image/png", "image/jpeg", "image/webp", "image/gif"];

/** Call `take` with each picture as a data URL, or `refuse` with why it cannot be one. */
export function pictures(button, input, take, refuse) {
  const offer = async (files) => {
    for (const file of files) {
      if (!KINDS.includes(file.type)) {
        refuse("Only pictures can be shown: PNG, JPEG, WebP or GIF.");
        continue;
      }
      try {
        take(await small(file));
      } catch {
        refuse("This picture cannot be read.");
      }
    }
  };
  button.onclick = () => input.click();
  input.onchange = () => {
    offer([...input.files]);
    input.value = "";
  };
  const carries = (event) => event.dataTransfer.types.includes("Files"); // and no words
  addEventListener("dragover", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) document.body.classList.remove("dropping");
  });
  addEventListener("drop", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    document.body.classList.remove("dropping");
    offer([...event.dataTransfer.files]);
  });
  addEventListener("paste", (event) => {
    const files = [...event.clipboardData.files];
    if (files.length > 0) offer(files);
  });
}

async function small(file) {
  const picture = await createImageBitmap(file);
  let side = Math.min(LONGEST, Math.max(picture.width, picture.height));
  for (;;) {
    const scale = side / Math.max(picture.width, picture.height);
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(picture.width * scale));
    canvas.height = Math.max(1, Math.round(picture.height * scale));
    const context = canvas.getContext("2d");
    context.fillStyle = "#fff"; // JPEG knows no transparency
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(picture, 0, 0, canvas.width, canvas.height);
    const url = canvas.toDataURL("image/jpeg", 0.82);
    if (url.length <= MOST) return url;
    side = Math.round(side * 0.75);
  }
}
