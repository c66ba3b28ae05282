// What the page asks its server for. Addresses are relative: the page's own holds the token.

async function send(path, options) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Error("colorgan does not answer; was it ended? Start it again with --serve");
  }
  if (!answer.ok) throw new Error((await answer.json()).error);
  return answer;
}

const posted = request => ({
  method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(request),
});

export const readAll = async () => (await send("photographs")).json();
export const readBefore = async number => (await send(`before/${number}`)).blob();
export const readThumbnail = async number => (await send(`thumbnail/${number}`)).blob();
export const readGivenMask = async number => (await send(`mask/${number}`)).json();
export const readAfter = async (number, edit) => (await send(`after/${number}`, posted(edit))).blob();
export const readChoice = async (number, edit) => (await send(`choice/${number}`, posted(edit))).blob();
export const save = async (number, edit, seen) => (await send(`save/${number}`, posted({...edit, seen}))).json();

// Show a picture in an <img>, and let go of the one before.
export async function show(image, blob) {
  const old = image.src, address = URL.createObjectURL(blob);
  image.src = address;
  try {
    await image.decode();
  } finally {
    if (old.startsWith("blob:")) URL.revokeObjectURL(old);
  }
}
